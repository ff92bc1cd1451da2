"""Delta debugging: what is left of a failure when everything needless is gone."""


def reduce_case(state, candidates, fails, limit=150):
    """The last of the states that still fail, each a candidate of the one before."""
    tried = 0
    progress = True
    while progress and tried < limit:
        progress = False
        for candidate in candidates(state):
            tried += 1
            if fails(candidate):
                state, progress = candidate, True
                break
            if tried >= limit:
                break
    return state


def bisect(items, fails):
    """An item that fails alone, or else a smallest half that was found to fail."""
    while len(items) > 1:
        half = len(items) // 2
        if fails(items[:half]):
            items = items[:half]
        elif fails(items[half:]):
            items = items[half:]
        else:
            break
    return items
