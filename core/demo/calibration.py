"""Parameters of the demo shop, each with the published figure that it was fitted to.

The figures are those of the Kaggle competition that the project began with. Tuples of four follow `schema.EVENT_TYPES`:
VIEW, ADD_CART, REMOVE_CART, BUY. The *kind* of a session is also one of these types; it decides how often each type
occurs in the session. The *complete log* has all simulated events, of which some become rows in the files.
"""

from __future__ import annotations

from dataclasses import dataclass

Four = tuple[float, float, float, float]


@dataclass(frozen=True)
class Calibration:
    """Parameters of the demo shop. Times are in seconds, prices in value units, shares between 0 and 1."""

    # --- the calendar: train is 1 to 21 June 2025, test 22 to 30 June ----------------------------------------------
    first_day: str = "2025-06-01"
    days: int = 30
    train_days: int = 21
    weekend_weight: float = 1.05
    """31% of the rows are on a Saturday or Sunday, which are 9 of the 30 days."""
    hour_weights: tuple[float, ...] = (
        *(1.5, 1.4, 1.7, 2.2, 2.8, 4.4, 5.9, 7.0, 7.5, 7.7, 8.6, 8.6),
        *(8.5, 8.1, 7.6, 7.1, 7.0, 7.8, 8.9, 9.0, 7.8, 5.4, 3.3, 1.8),
    )
    """Train rows by hour of the day, in thousands."""

    # --- the length of a session -----------------------------------------------------------------------------------
    single_event_shares: Four = (0.38, 0.38, 0.38, 0.0)
    """By kind, share of sessions that are limited to a single event. In the files, 64% of the sessions have one row."""
    log_rate_means: Four = (-1.1, -1.1, -1.12, 0.31)
    """By kind, mean log of the expected number of rows of the other sessions. Sessions have 2.02 rows on average and 4
    at the 90th percentile. 38% of the buying sessions have more than one BUY."""
    log_rate_sds: Four = (1.36, 1.31, 1.34, 0.97)
    """By kind, standard deviation of that log. Rows per session have a standard deviation of 2.6. Buying sessions have
    1 BUY (62%), 2 (22.5%), 3 (8%) or 4 (4%)."""
    max_rate: float = 110.0
    """Upper limit of the expected rows. The longest session has 133; without a limit, a few would have thousands."""

    # --- the events of a session -----------------------------------------------------------------------------------
    kind_shares: Four = (0.464, 0.271, 0.173, 0.092)
    """Share of sessions by kind, before thinning. The types have 41.7%, 30.0%, 18.1% and 10.2% of the train rows."""
    type_shares: tuple[Four, Four, Four, Four] = (
        (0.917, 0.06, 0.02, 0.003),
        (0.08, 0.886, 0.03, 0.004),
        (0.05, 0.08, 0.866, 0.004),
        (0.2, 0.4, 0.25, 0.15),
    )
    """By kind, shares of event types in the complete log. 12.4% of the sessions have a BUY. The number of ADD_CART
    events has a correlation of 0.36 with the value."""
    return_share: float = 0.38
    """Share of events that take the product of a random event of their session. In 5.5% of BUYs, the session also has
    an ADD_CART of the product."""

    # --- the rows in the files -------------------------------------------------------------------------------------
    keep_shares: Four = (0.3, 0.3, 0.3, 0.92)
    """Probability that an event becomes a row. Low, because few BUYs have their ADD_CART in the files, but high for
    BUY, whose count has a correlation of 0.84 with the value."""
    surviving_share: float = 0.37
    """Slightly less than the share of sessions with a row (0.375), so that enough sessions are simulated."""

    # --- times -----------------------------------------------------------------------------------------------------
    same_second_odds: float = 0.03
    """Odds that a gap is 0 s, per squared number of rows of the session. Half of all gaps are 0 s, but a third of the
    sessions last longer than 0 s."""
    gap_median: float = 150.0
    """Median of the other gaps. A quarter of all gaps is longer than 151 s."""
    gap_log_sd: float = 2.94
    """Some gaps last days, so 2 sessions in 1,000 have rows in both train and test."""
    max_duration: float = 18 * 86400.0
    """Longest duration of a session; longer ones may not fit into the month."""

    # --- users -----------------------------------------------------------------------------------------------------
    users_per_session: float = 3.45
    """Size of the pool of users, most of whom have no session. 20% of the test users are in train."""
    user_skew: float = 1.7
    """With 1, all users would be equally frequent. Users have 1.45 sessions in the month on average."""
    visit_exponent: float = 3.3
    """Exponent of the power law of sessions per visit. 99% of users have at most 6 sessions, one has 65."""
    max_visit_sessions: int = 65
    visit_days: float = 0.35
    """Average days between the start of a visit and its sessions. Users have 1.36 sessions on average, both in the 21
    days of train and in the 9 days of test."""

    # --- the catalogue ---------------------------------------------------------------------------------------------
    products_per_session: float = 0.375
    """The files have 29,382 products and 101,315 sessions. Some products of the catalogue are in no session."""
    max_products: int = 1_000_000
    """A shop with 25 million sessions a month sells the same products more often, instead of ever more products."""
    popularity_log_sd: float = 1.21
    """The top 1% of products have 13% of the rows, the top 10% have 46%."""
    released_share: float = 0.025
    """Share of products released after the end of train. Others are not in train by chance. Together, they are 16% of
    the test products."""
    max_categories: int = 460
    """The files have 452 categories."""
    min_products_per_category: int = 12
    """Limits the number of categories of a small shop. The median category has 15 products."""
    category_size_log_sd: float = 1.68
    """Products per category have median 15, mean 40 and maximum 718."""
    category_popularity_log_sd: float = 0.45
    """The top 10 categories have a third of the rows and the top 50 two thirds, more than their sizes explain."""

    # --- session values --------------------------------------------------------------------------------------------
    price_mean: float = 42.2
    """Average price, weighted by popularity. A BUY and the events that accompany it add 54 to the value on average."""
    category_price_log_sd: float = 0.33
    product_price_log_sd: float = 0.45
    """R² of the value is about 0.9 if the hidden prices are known, and about 0.75 otherwise."""
    type_weights: Four = (0.026, 0.053, 0.015, 1.0)
    """Share of the product's price that an event adds to the value. With the events that thinning removed, a row adds
    2.7 (VIEW), 7.8 (ADD_CART), 0 (REMOVE_CART) and 54 (BUY)."""
    min_value: float = 4.6
    """Lower limit of a value. The smallest base adds about 1, so the smallest value is 5.38."""
    base_medians: Four = (14.2, 20.1, 4.2, 38.0)
    """By kind, median base. The average value is 26 for a single VIEW, 39 for an ADD_CART, 16 for a REMOVE_CART."""
    single_event_factor: float = 1.4
    """Factor on the base of single-event sessions. One VIEW or ADD_CART has a higher value than two of them."""
    base_log_sd: float = 0.49
    """The error of a predicted log value is at least 0.433. The quartiles of the value are 18.5, 30.8 and 46.6."""
    user_log_sd: float = 0.2
    """Spread of the users' value factors. It is small, so that a user's earlier values are only one of many signals."""

    # --- defects -----------------------------------------------------------------------------------------------------
    lost_users: tuple[int, int] = (21, 17)
    """Number of users in train and in test with a session that lost its id. All of these have the id SESSION_000000."""
    max_lost_rows: int = 3
    """Maximum rows of a session that lost its id. In the real train file, the 21 users have 28 such rows."""


SHOP = Calibration()
