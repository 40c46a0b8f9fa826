"""The pipeline of Session Value Studio: from two event files to a checked submission. Imports no Streamlit."""
