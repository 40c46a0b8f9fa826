"""Every number that makes the demo shop look like the real one, each with the fact it was fitted to.

The facts are the published figures of the Kaggle competition the project began from. Orders of four follow
`schema.EVENT_TYPES`: VIEW, ADD_CART, REMOVE_CART, BUY. A session's *habit* is what it mostly does, in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass

Four = tuple[float, float, float, float]


@dataclass(frozen=True)
class Calibration:
    """The demo shop. Times are in seconds, prices and values in value units, shares between 0 and 1."""

    # --- the calendar: train is 1 to 21 June 2025, test 22 to 30 June ----------------------------------------------
    first_day: str = "2025-06-01"
    days: int = 30
    train_days: int = 21
    weekend_weight: float = 1.05
    """31 % of the rows fall on a Saturday or Sunday, which are 9 of the 30 days."""
    hour_weights: tuple[float, ...] = (
        *(1.5, 1.4, 1.7, 2.2, 2.8, 4.4, 5.9, 7.0, 7.5, 7.7, 8.6, 8.6),
        *(8.5, 8.1, 7.6, 7.1, 7.0, 7.8, 8.9, 9.0, 7.8, 5.4, 3.3, 1.8),
    )
    """Train rows by hour of the day, in thousands."""

    # --- how much a session does ---------------------------------------------------------------------------------
    glance_shares: Four = (0.38, 0.38, 0.38, 0.0)
    """By habit, sessions of exactly one event in the full log: 64 % of the sessions in the files have one row."""
    log_rate_means: Four = (-1.1, -1.1, -1.12, 0.31)
    """By habit, of the other sessions, the log of the expected number of kept rows: 2.02 rows a session, 4 at the 90th
    percentile, and 38 % of the buying sessions with more than one BUY."""
    log_rate_sds: Four = (1.36, 1.31, 1.34, 0.97)
    """By habit: rows a session have standard deviation 2.6; BUYs of a buying session 1 62 %, 2 22.5 %, 3 8 %, 4 4 %."""
    most_rate: float = 110.0
    """The longest session has 133 rows; without a limit one of 25 million sessions would have many thousands."""

    # --- what a session does ---------------------------------------------------------------------------------------
    habit_shares: Four = (0.464, 0.271, 0.173, 0.092)
    """Sessions by habit, before thinning: with `habit_mix`, 41.7, 30.0, 18.1 and 10.2 % of the train rows by type."""
    habit_mix: tuple[Four, Four, Four, Four] = (
        (0.917, 0.06, 0.02, 0.003),
        (0.08, 0.886, 0.03, 0.004),
        (0.05, 0.08, 0.866, 0.004),
        (0.2, 0.4, 0.25, 0.15),
    )
    """Event types within a session of each habit, in the full log: 12.4 % of the sessions have a BUY, and the value's
    correlation with the ADD_CART count is .36."""
    return_share: float = 0.38
    """Events about a product that the session already met: 5.5 % of BUYs have an ADD_CART of theirs in the session."""

    # --- which rows reach the files ----------------------------------------------------------------------------------
    keep_shares: Four = (0.3, 0.3, 0.3, 0.92)
    """Low, because so few BUYs still have their ADD_CART; high for BUY, whose count correlates .84 with the value."""
    kept_share: float = 0.37
    """A little less than the share of sessions with a kept row (.375): how many to simulate to fill a file with the
    rest. Too high a share would leave the file short."""

    # --- when ----------------------------------------------------------------------------------------------------
    same_second_odds: float = 0.03
    """Times the squared rows of a session, the odds that a gap is 0 s: half of all gaps are, yet a third of the
    sessions last longer."""
    gap_median: float = 150.0
    """The other gaps: a quarter of all is longer than 151 s."""
    gap_log_sd: float = 2.94
    """Gaps have a tail of days, so that 2 sessions in 1,000 cross from train into test."""
    longest: float = 18 * 86400.0
    """A session with a longer span would not fit into the month."""

    # --- who -----------------------------------------------------------------------------------------------------
    users_per_session: float = 3.45
    """People who may come, far more than do: 20 % of the test users were seen in train."""
    user_skew: float = 1.7
    """How unequally they come (1 is equally): 1.45 sessions a user over the month."""
    visit_exponent: float = 3.3
    """Sessions that a user has in one visit follow a power law: 99 % of users have at most 6, one has 65."""
    most_in_visit: int = 65
    """The most sessions of one user."""
    visit_days: float = 0.35
    """Mean of the wait before each session of a visit: 1.36 sessions a user within 21 days and also within 9."""

    # --- the catalogue ---------------------------------------------------------------------------------------------
    products_per_session: float = 0.375
    """29,382 products in the files of 101,315 sessions, some of the catalogue in none."""
    most_products: int = 1_000_000
    """A shop with 25 million sessions a month sells more often, not ever more things."""
    popularity_log_sd: float = 1.21
    """The top 1 % of products carry 13 % of the rows, the top 10 % 46 %."""
    released_share: float = 0.025
    """Products released after train ends: with those that train only missed, 16 % of the test products are new."""
    categories: int = 460
    """452 categories in the files."""
    products_per_category_least: int = 12
    """Keeps a tiny shop from having more categories than it can fill; median 15 products in a category."""
    category_size_log_sd: float = 1.68
    """Products per category: median 15, mean 40, max 718."""
    category_popularity_log_sd: float = 0.45
    """The top 10 categories carry a third of the rows, the top 50 two thirds: more than their sizes explain."""

    # --- what it is worth ------------------------------------------------------------------------------------------
    price_mean: float = 42.2
    """By how often products sell. A BUY adds 54 to the mean value, with the events that come along with it."""
    category_price_log_sd: float = 0.33
    product_price_log_sd: float = 0.45
    """Hidden prices: with them known R2 is about .9, without them about .75."""
    type_weights: Four = (0.026, 0.053, 0.015, 1.0)
    """Share of its product's price that an event adds. With the rows that thinning took away, a row that is left stands
    for 2.7 (VIEW), 7.8 (ADD_CART), nothing (REMOVE_CART) and 54 (BUY)."""
    least_value: float = 4.6
    """With the smallest base about 1 above it: the smallest value is 5.38."""
    base_medians: Four = (14.2, 20.1, 4.2, 38.0)
    """Base by habit: a single VIEW is worth 26 in the mean, a single ADD_CART 39, a single REMOVE_CART 16."""
    glance_lift: float = 1.4
    """Factor on the base of a session of one event in the full log: one VIEW or ADD_CART is worth more than two."""
    base_log_sd: float = 0.49
    """Nothing explains the log of the value better than .433; the quartiles are 18.5, 30.8 and 46.6."""
    user_log_sd: float = 0.2
    """A user's own factor, the same in train and test: modest, so that earlier values help and do not decide."""

    # --- defects -----------------------------------------------------------------------------------------------------
    lost_users: tuple[int, int] = (21, 17)
    """Users whose sessions lost their id, in train and in test: all carry SESSION_000000."""
    lost_rows: int = 3
    """Only short sessions lost their id: 28 rows of 21 users."""


SHOP = Calibration()
