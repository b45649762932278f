"""The pages' side of the agent: teacher, projector, students' phones."""
