"""Charts, a file each: frame() gives the data, finding() says it in a sentence, figure() draws it."""
