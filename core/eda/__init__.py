"""Charts. A chart module has TITLE (a question), frame (the numbers), finding (the answer) and figure (the drawing)."""
