"""Write a dataset that has been read: assemble its tables, describe it, and move it to the workspace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl

from core.base.cores import available_cores
from core.base.files import atomic_folder, remove, sync
from core.base.stored_files import hash_folder, sealed_json
from core.base.workspace import Workspace
from core.dataset import (
    CARD_FILE,
    DICTIONARY_FILE,
    HASHES_FILE,
    MAPPING_FILE,
    NAMES_FILE,
    ORDER_FILE,
    Dataset,
    SubmissionColumns,
    TableCard,
)
from core.errors import ColumnError
from core.ingestion.attributes import ID_COLUMN, ReadAttributes
from core.ingestion.file_reader import FileReader
from core.ingestion.input_files import InputFiles
from core.ingestion.mapping import mapping_text
from core.ingestion.mapping.refusals import short
from core.ingestion.rows.display_names import NAME_OF, names_of_ids
from core.ingestion.sessions.assembly import assemble
from core.ingestion.sessions.assembly_counts import AssemblyCounts
from core.ingestion.sessions.dictionaries import IdCounts
from core.ingestion.sessions.session_ids import read_sample, submission_order, test_sessions_by_id
from core.ingestion.sources.content_hash import Content, require_unchanged
from core.ingestion.storage.card_builder import IngestionCounts, WantedSessions, make_card
from core.ingestion.storage.parquet_writer import ParquetWriter
from core.ingestion.storage.stored_datasets import fingerprint_of, is_whole, refuse_same_file, update_names
from core.ingestion.storage.synthetic import is_synthetic
from core.ingestion.values.doubts import refuse_doubtful_values
from core.ingestion.values.lost_purchases import unassigned
from core.ingestion.values.session_values import LostPurchases
from core.own_columns import OwnColumnCard, TableName
from core.schema import (
    CATEGORY_ID,
    IN_TEST,
    PRODUCT_ID,
    SESSION,
    TEST_ROLE,
    TRAIN_ROLE,
    USER_ID,
    USER_SESSION,
)


class DatasetWriter:
    """Writes a dataset into a scratch folder, and stores it when it is complete.

    Args:
        contents: role or table -> content of its file; a query has none.
        attributes: the tables of products and users.
        read: the files, which have been read.
        folder: scratch folder, which already has the quarantine.
    """

    def __init__(
        self,
        files: InputFiles,
        contents: Mapping[str, Content],
        attributes: Mapping[TableName, ReadAttributes],
        read: FileReader,
        folder: Path,
    ) -> None:
        self._files = files
        self._contents = contents
        self._attributes = attributes
        self._read = read
        self._folder = folder

    def store(self, workspace: Workspace) -> Dataset:
        """Complete the dataset in the scratch folder, and move it to the workspace.

        Raises:
            InputError: the rows or values of a file cannot be used.
        """
        folder, read = self._folder, self._read
        ids, assembled, wanted = self._write_tables()
        hashes = {part: content.digest() for part, content in self._contents.items()} | read.query_hashes
        refuse_same_file(self._files, hashes)
        require_unchanged(self._contents.values())
        fingerprint = fingerprint_of(hashes, self._files.mapping, self._files.split)
        unassigned_purchases = unassigned(
            read.counts[TRAIN_ROLE].lost_purchases,
            *(folder / DICTIONARY_FILE.format(column=column) for column in (USER_SESSION, USER_ID)),
            in_log=self._files.split is not None,
        )
        split = None
        if read.split is not None:
            split = read.split.card(fingerprint_of(hashes, self._files.mapping), assembled.actual_values)
        tables = self._write_attributes()
        self._write_names()
        own = self._own_cards()
        card = make_card(
            self._files,
            IngestionCounts(read.counts, ids, assembled, wanted, unassigned_purchases, split, own, tables),
            fingerprint=fingerprint,
            synthetic=is_synthetic(workspace, self._files.train, hashes),
        )
        (folder / MAPPING_FILE).write_text(mapping_text(self._files.mapping), encoding="utf-8")
        hashed = hash_folder(folder, threads=available_cores())
        (folder / HASHES_FILE).write_text(json.dumps(hashed, indent=1), encoding="utf-8")
        (folder / CARD_FILE).write_text(sealed_json(card.model_dump_json()), encoding="utf-8")
        dataset = Dataset(workspace.datasets / fingerprint)
        if not is_whole(dataset):
            remove(dataset.folder)
        with atomic_folder(dataset.folder, shared=True) as target:
            for file in folder.iterdir():
                file.rename(target / file.name)
        # A query result may already be stored under other names.
        update_names(dataset, self._files, wanted.columns, synthetic=card.synthetic)
        return dataset

    def _own_cards(self) -> tuple[OwnColumnCard, ...]:
        """Describe the own columns, if the mapping has any."""
        if not self._files.mapping.own:
            return ()
        from core.ingestion.own import own_cards  # noqa: PLC0415 (it imports scipy, which takes 0.1 s)

        counts = self._read.counts
        return own_cards(self._folder, self._files.mapping, counts[TRAIN_ROLE].own + counts[TEST_ROLE].own)

    def _write_attributes(self) -> dict[TableName, TableCard]:
        """Write the tables of products and users, and count the ids of the log that they have.

        Raises:
            InputError: a table has none of the ids of the log.
        """
        cards: dict[TableName, TableCard] = {}
        for name, read in self._attributes.items():
            ids, file = self._dictionary(ID_COLUMN[name]).get_column(ID_COLUMN[name]), self._files.tables[name].name
            n_known = int(read.table.has(ids).sum())
            if not n_known:
                column = short(self._files.mapping.tables[name].key)
                id_in_table, id_in_log = short(read.table.ids[0]), short(ids[0])
                raise ColumnError.no_known_ids(file, name, column, id_in_table=id_in_table, id_in_log=id_in_log)
            if read.table.columns:
                read.table.with_columns_of(read.table.columns).save(self._folder)
            cards[name] = TableCard(
                name=file, rows=read.rows, repeated=read.repeated, broken=read.broken, ids=len(ids), known=n_known
            )
        return cards

    def _write_names(self) -> None:
        """Write the names of products and categories, if there are any."""
        names = []
        for column in NAME_OF:
            dictionary = self._dictionary(column)
            names.append(self._read.names.of(column, dictionary))
            if column == PRODUCT_ID and "products" in self._attributes:
                ids = dictionary.get_column(column)
                if (cells := self._attributes["products"].table.names_of(ids)) is not None:
                    names.append(names_of_ids(column, ids, cells))
        if any(each.height for each in names):
            pl.concat(names).write_parquet(self._folder / NAMES_FILE)

    def _dictionary(self, column: str) -> pl.DataFrame:
        """Return the codes and ids of a column."""
        return pl.read_parquet(self._folder / DICTIONARY_FILE.format(column=column), memory_map=False, glob=False)

    def _write_tables(self) -> tuple[dict[str, IdCounts], AssemblyCounts, WantedSessions]:
        """Write dictionaries, events and the submission's order in parallel, as no single step uses all cores.

        Returns:
            The number of ids of each id column, the counts of assembly, and those of the sessions to predict.
        """
        folder, read = self._folder, self._read
        mapping, sample = self._files.mapping, self._files.sample_submission
        with ThreadPoolExecutor(2) as pool:
            reading = pool.submit(read_sample, sample, mapping, self._contents["sample"]) if sample else None
            id_counts = {
                column: pool.submit(read.dictionaries.write, column, folder)
                for column in (USER_ID, PRODUCT_ID, CATEGORY_ID)
            }
            if mapping.session_gap_minutes is not None:
                id_counts[USER_ID].result()  # the ids of these sessions contain the user id
            assembled, session_counts = assemble(
                read.rows,
                mapping,
                folder,
                repeated_orders=read.repeated_orders,
                lost_purchases=LostPurchases.from_rows(read.counts[TRAIN_ROLE].lost_purchases, mapping),
                repeated_in_whole_log=None if read.split is None else read.split.orders,
                seed=read.seed,
                report=read.progress.written,
            )
            refuse_doubtful_values(self._files.train.name, mapping, assembled)
            ids = {column: count.result() for column, count in id_counts.items()} | {USER_SESSION: session_counts}
            synced = [pool.submit(sync, file) for file in folder.iterdir()]
            dictionary = folder / DICTIONARY_FILE.format(column=USER_SESSION)
            columns, quarantined = SubmissionColumns(), read.counts[TEST_ROLE].quarantined_sessions
            if sample is None or reading is None:
                order = test_sessions_by_id(dictionary, quarantined, read.seed)
            else:
                columns = reading.result().columns
                order = submission_order(reading.result(), dictionary, quarantined, mapping, seed=read.seed)
            with ParquetWriter(folder / ORDER_FILE) as writer:  # Polars' writer does not report a full disk
                writer.write(order)
            for future in synced:
                future.result()
        with_events = pl.scan_parquet(dictionary, glob=False).filter(IN_TEST).select(SESSION).collect()
        n_without = order.join(with_events, on=SESSION, how="anti").height
        return ids, assembled, WantedSessions(order.height, n_without, columns)
