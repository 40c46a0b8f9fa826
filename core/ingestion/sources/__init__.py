"""Where events come from: files, archives, folders and queries, opened as tables and read in blocks of cells."""
