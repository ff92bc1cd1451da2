"""Near misses: one step that looks like attention's and is another function.
Each is compared after every pass as all graphs are."""

# What becomes of it: "unfused" stays unfused, "other" may become attention of
# another form than the graph that it nearly is.
TRAPS = {
    "other diagonal": ("other", lambda m: m.band is not None and not (m.looks or m.dynamic)),
    "wrong axis": ("unfused", lambda m: not (m.sinks or m.looks) and m.keys > 1),
    "axis of heads": ("unfused", lambda m: m.rank == 4 and m.family != "latent" and not (m.sinks or m.looks)),
    "probabilities used twice": ("unfused", lambda m: not (m.sinks or m.looks)),
    "scores times scores": ("unfused", lambda m: not (m.sinks or m.looks)),
    "negative scale behind the mask": ("other", lambda m: not (m.sinks or m.looks)),
    "capped twice": ("unfused", lambda m: m.softcap > 0),
    "bias before the scale": ("other", lambda m: m.bias != "" and m.band is None and not m.sinks),
    "sum of other rows": ("unfused", lambda m: has_plain_band(m)),
    "transposed band": ("other", lambda m: m.band is not None and m.band.left != m.band.right
                        and m.queries == m.keys and not (m.looks or m.dynamic)),
    "finite fill of blind rows": ("other", lambda m: m.band is not None and m.has_blind_row and not m.looks),
    "finite fill beside a mask": ("other", lambda m: m.band is not None and bool(m.hiding) and not m.looks),
    "small fill": ("other", lambda m: has_plain_band(m)),
    "scale behind a finite fill": ("other", lambda m: has_plain_band(m) and not m.softcap),
    "mask before softcap": ("other", lambda m: m.band is not None and m.softcap and not (m.looks or m.dynamic)),
    "tile": ("other", lambda m: m.group > 1 and m.kv_heads > 1),
}


def has_plain_band(m):
    """A row without a band sees keys that the band hides."""
    return m.band is not None and not m.dynamic and not (m.has_run_time_mask or m.sinks or m.has_blind_row)


def applicable(meaning):
    return [name for name, (_, applies) in TRAPS.items() if applies(meaning)]
