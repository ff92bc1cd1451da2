"""Near misses: one step that looks like attention's and is another function.
Each is compared after every pass as all graphs are."""

# What becomes of it: "unfused" stays unfused, "other" may become attention of
# another form than the graph that it nearly is.
TRAPS = {
    "other diagonal": ("other", lambda m: m.band is not None and not m.lengths),
    "wrong axis": ("unfused", lambda m: not (m.sinks or m.lengths) and m.keys > 1),
    "small fill": ("other", lambda m: has_plain_band(m)),
    "scale behind a finite fill": ("other", lambda m: has_plain_band(m) and not m.softcap),
    "mask before softcap": ("other", lambda m: m.band is not None and m.softcap and not m.lengths),
    "tile": ("other", lambda m: m.group > 1 and m.kv_heads > 1),
}


def has_plain_band(m):
    """A row without a band sees keys that the band hides."""
    return m.band is not None and not (m.has_run_time_mask or m.sinks or m.has_blind_row)


def applicable(meaning):
    return [name for name, (_, applies) in TRAPS.items() if applies(meaning)]
