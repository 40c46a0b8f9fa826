"""The product beside the AutoML tools that people would use instead, in environments of their own."""
