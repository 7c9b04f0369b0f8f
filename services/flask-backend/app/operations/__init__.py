"""What an operator's commands do, apart from serving. No Flask here, and no product rule."""
