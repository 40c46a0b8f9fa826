"""Tables of products and users in separate files, whose columns are used as extra columns of the log."""

from core.ingestion.attributes.attribute_table import ID_COLUMN, AttributeTable, attribute_file
from core.ingestion.attributes.reading import ReadAttributes, read_attributes

__all__ = ["ID_COLUMN", "AttributeTable", "ReadAttributes", "attribute_file", "read_attributes"]
