"""What charts share: the theme, the filter, the session table, and drawings used by several charts."""
