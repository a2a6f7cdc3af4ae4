"""Teachers: how they are asked, and how their text is read."""
