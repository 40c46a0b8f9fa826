"""Stored data on the Data page: datasets and uploads with their sizes, each with a button that deletes it."""

from __future__ import annotations

import streamlit as st

from core.base.text import count, listed, size
from core.base.workspace import Workspace
from core.ingestion.sources.uploads import StoredUpload, delete_upload, list_uploads
from core.pipeline.stored_data import StoredDataset, delete_dataset, list_stored_datasets
from pages._ui.serving.privacy import for_visitors
from pages._ui.state import page_state, set_param


def show_stored_data(workspace: Workspace) -> None:
    """Show the stored datasets and uploads in a closed section; nothing if there are none."""
    datasets, uploads = list_stored_datasets(workspace), list_uploads(workspace)
    if not datasets and not uploads:
        return
    st.header("Stored data", anchor=False)
    total = sum(dataset.bytes for dataset in datasets) + sum(upload.bytes for upload in uploads)
    label = f"{count(len(datasets), 'dataset')}, {count(len(uploads), 'upload')}, {size(total)}"
    with st.expander(label, icon=":material/hard_drive:"):
        for dataset in datasets:
            _show_dataset(workspace, dataset)
        for upload in uploads:
            _show_upload(workspace, upload)


def _show_dataset(workspace: Workspace, dataset: StoredDataset) -> None:
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        name = for_visitors(dataset.name) or "Damaged dataset"
        st.text(f"{name} · {dataset.id} · {size(dataset.bytes)}", width="stretch")
        if dataset.open_jobs:
            st.caption(f"In use by {count(len(dataset.open_jobs), 'unfinished run')}", width="content")
        with st.popover("Delete", icon=":material/delete:", disabled=bool(dataset.open_jobs)):
            st.text(f"This deletes the dataset permanently. {dataset.consequences()}".strip())
            if st.button("Yes, delete the dataset", key=f"delete-dataset-{dataset.folder.name}", type="primary"):
                delete_dataset(workspace, dataset)
                if page_state().selected_ids.get("dataset") == dataset.folder.name:
                    page_state().selected_ids.clear()
                    set_param("dataset", "")
                    set_param("run", "")
                page_state().leave_message(f"The dataset {dataset.name or dataset.id} was deleted.")
                st.rerun()


def _show_upload(workspace: Workspace, upload: StoredUpload) -> None:
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        st.text(f"Upload · {listed(upload.names, 3)} · {size(upload.bytes)}", width="stretch")
        with st.popover("Delete", icon=":material/delete:"):
            st.text("This deletes the uploaded files. A dataset that was read from them stays.")
            if st.button("Yes, delete the upload", key=f"delete-upload-{upload.id}", type="primary"):
                delete_upload(workspace, upload)
                st.rerun()
