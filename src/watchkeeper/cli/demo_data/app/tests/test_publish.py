from contextlib import closing

from engine import db
from engine.articles import create_article
from engine.publish import NotApproved, publish
from engine.review import approve, ask_for_review
from engine.stages import read_stage_field
from tests.engine_case import EngineCase


class Publishing(EngineCase):
    def test_an_approved_stage_can_be_published(self):
        stage = create_article("otters", "Otters")
        ask_for_review(stage, "ada")
        approve(stage, "ada")
        publish(stage)
        with closing(db.connect("content")) as content:
            (published_at,) = db.fetch_one(content, "SELECT published_at FROM content")
        self.assertIsNotNone(published_at)
        self.assertEqual(read_stage_field(stage, "status"), "published")

    def test_a_draft_cannot_be_published(self):
        stage = create_article("otters", "Otters")
        with self.assertRaises(NotApproved):
            publish(stage)

    def test_only_the_reviewer_approves(self):
        stage = create_article("otters", "Otters")
        ask_for_review(stage, "ada")
        with self.assertRaises(PermissionError):
            approve(stage, "bob")
