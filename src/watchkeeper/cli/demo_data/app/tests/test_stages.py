from contextlib import closing

from engine import db, history
from engine.articles import create_article
from engine.stages import UnknownField, read_stage_field, update_stage_field
from tests.engine_case import EngineCase


class Stages(EngineCase):
    def test_a_field_is_written(self):
        stage = create_article("otters", "Otters")
        update_stage_field(stage, "title", "Sea otters")
        self.assertEqual(read_stage_field(stage, "title"), "Sea otters")

    def test_each_write_raises_the_revision(self):
        stage = create_article("otters", "Otters")
        self.assertEqual(update_stage_field(stage, "body", "They float."), 2)
        self.assertEqual(update_stage_field(stage, "body", "They float on their backs."), 3)

    def test_each_write_is_in_the_history(self):
        stage = create_article("otters", "Otters")
        update_stage_field(stage, "title", "Sea otters")
        update_stage_field(stage, "status", "review")
        with closing(db.connect("content")) as content:
            self.assertEqual(history.changes_of(content, stage), ["title", "status"])

    def test_an_unknown_field_is_refused(self):
        stage = create_article("otters", "Otters")
        with self.assertRaises(UnknownField):
            update_stage_field(stage, "colour", "brown")
