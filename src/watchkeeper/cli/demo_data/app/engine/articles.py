"""Creates articles in both databases."""

from engine import db


def create_article(slug, title):
    """A new article with its first stage, a draft; gives the stage's id."""
    content = db.connect("content")
    legacy = db.connect("legacy")
    try:
        article = content.execute("INSERT INTO content (slug) VALUES (?)", (slug,)).lastrowid
        stage = content.execute(
            "INSERT INTO stages (content_id, title, body, status, revision) VALUES (?, ?, '', 'draft', 1)",
            (article, title),
        ).lastrowid
        legacy.execute(
            "INSERT INTO articles (stage_id, title, body, status) VALUES (?, ?, '', 'draft')", (stage, title)
        )
    finally:
        content.close()
        legacy.close()
    return stage
