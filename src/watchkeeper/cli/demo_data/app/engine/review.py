"""Reviews: who looks at a stage, and what comes of it."""

from engine.stages import read_stage_field, update_stage_field


def ask_for_review(stage_id, reviewer):
    """Hands the stage to a reviewer."""
    update_stage_field(stage_id, "reviewer", reviewer)
    update_stage_field(stage_id, "status", "review")


def approve(stage_id, reviewer):
    """Approves the stage; only its reviewer can."""
    if read_stage_field(stage_id, "reviewer") != reviewer:
        raise PermissionError(f"{reviewer} does not review stage {stage_id}")
    update_stage_field(stage_id, "status", "approved")
