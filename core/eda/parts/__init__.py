"""What several charts share: colours, axes, selections, tables."""
