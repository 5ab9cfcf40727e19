"""HTML pages of figures: tables, facts and plots; what is on one is its writer's business."""
