"""Parameters of the demo shop, each with the published figure it was fitted to.

The figures are those of the Kaggle competition that the project began from. Tuples of four follow `schema.EVENT_TYPES`:
VIEW, ADD_CART, REMOVE_CART, BUY. The *habit* of a session is its most common event type.
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

    # --- how much a session does ---------------------------------------------------------------------------------
    glance_shares: Four = (0.38, 0.38, 0.38, 0.0)
    """By habit, share of sessions with exactly one event in the complete log. 64% of the sessions in the files have one
    row."""
    log_rate_means: Four = (-1.1, -1.1, -1.12, 0.31)
    """By habit, mean log of the expected number of rows of the other sessions. Sessions have 2.02 rows on average and 4
    at the 90th percentile; 38% of the buying sessions have more than one BUY."""
    log_rate_sds: Four = (1.36, 1.31, 1.34, 0.97)
    """By habit, standard deviation of that log. Rows per session have a standard deviation of 2.6; buying sessions have
    1 BUY (62%), 2 (22.5%), 3 (8%) or 4 (4%)."""
    most_rate: float = 110.0
    """Upper limit of the expected rows. The longest session has 133 rows; without a limit, one of 25 million sessions
    would have many thousands."""

    # --- what a session does ---------------------------------------------------------------------------------------
    habit_shares: Four = (0.464, 0.271, 0.173, 0.092)
    """Share of sessions by habit before thinning. With `habit_mix`, 41.7%, 30.0%, 18.1% and 10.2% of the train rows by
    type."""
    habit_mix: tuple[Four, Four, Four, Four] = (
        (0.917, 0.06, 0.02, 0.003),
        (0.08, 0.886, 0.03, 0.004),
        (0.05, 0.08, 0.866, 0.004),
        (0.2, 0.4, 0.25, 0.15),
    )
    """Shares of event types in sessions of each habit, in the complete log. 12.4% of the sessions have a BUY, and the
    value has a correlation of 0.36 with the number of ADD_CART events."""
    return_share: float = 0.38
    """Share of events on a product of another event of the session. 5.5% of BUYs have an ADD_CART of the same product
    in the session."""

    # --- which rows reach the files ----------------------------------------------------------------------------------
    keep_shares: Four = (0.3, 0.3, 0.3, 0.92)
    """Probability that an event has a row. Low, because few BUYs have their ADD_CART in the files; high for BUY, whose
    count has a correlation of 0.84 with the value."""
    kept_share: float = 0.37
    """Slightly less than the share of sessions with a row (0.375). It sets how many sessions are simulated; if it were
    too high, the files would have too few sessions."""

    # --- when ----------------------------------------------------------------------------------------------------
    same_second_odds: float = 0.03
    """Odds that a gap is 0 s, per squared number of rows of the session. Half of all gaps are 0 s, but a third of the
    sessions last longer than 0 s."""
    gap_median: float = 150.0
    """Median of the other gaps. A quarter of all gaps is longer than 151 s."""
    gap_log_sd: float = 2.94
    """Some gaps last days, so that 2 sessions in 1,000 are in train and in test."""
    longest: float = 18 * 86400.0
    """Longest duration of a session; a longer one would not fit into the month."""

    # --- who -----------------------------------------------------------------------------------------------------
    users_per_session: float = 3.45
    """Size of the pool of users, most of whom never come. 20% of the test users are in train."""
    user_skew: float = 1.7
    """Exponent of how unequally users come; 1 is equally. Users have 1.45 sessions in the month on average."""
    visit_exponent: float = 3.3
    """Exponent of the power law of sessions per visit. 99% of users have at most 6 sessions, one has 65."""
    most_in_visit: int = 65
    """Highest number of sessions in one visit."""
    visit_days: float = 0.35
    """Average days between the start of a visit and its sessions. Users have 1.36 sessions on average in the 21 days of
    train and in the 9 days of test alike."""

    # --- the catalogue ---------------------------------------------------------------------------------------------
    products_per_session: float = 0.375
    """The files have 29,382 products and 101,315 sessions. Some products of the catalogue are in no session."""
    most_products: int = 1_000_000
    """Upper limit: a shop with 25 million sessions a month sells the same products more often."""
    popularity_log_sd: float = 1.21
    """The top 1% of products have 13% of the rows, the top 10% have 46%."""
    released_share: float = 0.025
    """Share of products released after the end of train. Together with products that happen not to be in train, 16% of
    the test products are new."""
    categories: int = 460
    """452 categories in the files."""
    products_per_category_least: int = 12
    """Limits the categories of a small shop. The median category has 15 products."""
    category_size_log_sd: float = 1.68
    """Products per category have median 15, mean 40 and maximum 718."""
    category_popularity_log_sd: float = 0.45
    """The top 10 categories have a third of the rows, the top 50 two thirds, which is more than their sizes explain."""

    # --- session values ------------------------------------------------------------------------------------------
    price_mean: float = 42.2
    """Average price, weighted by popularity. A BUY and the events that accompany it add 54 to the value on average."""
    category_price_log_sd: float = 0.33
    product_price_log_sd: float = 0.45
    """With the hidden prices known, R2 is about 0.9; without them, about 0.75."""
    type_weights: Four = (0.026, 0.053, 0.015, 1.0)
    """Share of its product's price that an event adds to the value. With the events that thinning removed, a row adds
    2.7 (VIEW), 7.8 (ADD_CART), 0 (REMOVE_CART) and 54 (BUY)."""
    least_value: float = 4.6
    """Lower limit of a value. The smallest base adds about 1, so that the smallest value is 5.38."""
    base_medians: Four = (14.2, 20.1, 4.2, 38.0)
    """Median base by habit. The average value is 26 for a single VIEW, 39 for an ADD_CART, 16 for a REMOVE_CART."""
    glance_lift: float = 1.4
    """Factor on the base of a session with one event in the complete log. One VIEW or ADD_CART has a higher value than
    two of them."""
    base_log_sd: float = 0.49
    """Predictions of the log value reach 0.433 at best. Quartiles of the value: 18.5, 30.8, 46.6."""
    user_log_sd: float = 0.2
    """Spread of the users' value factors, which are the same in train and test. Modest, so that earlier values are only
    one of several signals."""

    # --- defects -----------------------------------------------------------------------------------------------------
    lost_users: tuple[int, int] = (21, 17)
    """Number of users in train and in test whose sessions lost their id. These sessions have the id SESSION_000000."""
    lost_rows: int = 3
    """Most rows of a session that lost its id. In the real files, 21 users have 28 such rows."""


SHOP = Calibration()
