"""What the sandbox lets stand under what: one parent, a hundred sub-issues, eight levels, no circles."""

from __future__ import annotations

from syncer_github.sandbox.things import Issue

BELOW_MOST = 100
LEVELS_MOST = 8


def allow(above: Issue, issue: Issue, *, replace: bool) -> None:
    """Raise ValueError, in GitHub's words as far as they are known, where *issue* cannot stand under *above*."""
    if issue.above is above:
        raise ValueError("Issue may not contain duplicate sub-issues")
    if issue.above is not None and not replace:
        raise ValueError("Sub issue may only have one parent")
    if len(above.below) >= BELOW_MOST:
        raise ValueError(f"Parent cannot have more than {BELOW_MOST} sub-issues")
    line = [above]
    while (higher := line[-1].above) is not None:
        line.append(higher)
    if any(one is issue for one in line):
        raise ValueError("Sub issue cannot be an ancestor of its parent")
    if len(line) + levels(issue) > LEVELS_MOST:
        raise ValueError(f"Sub-issues cannot be nested more than {LEVELS_MOST} levels")


def levels(issue: Issue) -> int:
    """Return how many levels there are from *issue* down, itself counted."""
    return 1 + max((levels(one) for one in issue.below), default=0)


def part_from_above(issue: Issue) -> None:
    above, issue.above = issue.above, None
    if above is not None:
        above.below = [one for one in above.below if one is not issue]


def part(issue: Issue) -> None:
    """Take an issue that leaves for good out of its family."""
    part_from_above(issue)
    for one in issue.below:
        one.above = None
    issue.below = []


def inherit(issue: Issue, copy: Issue) -> None:
    """Give a transferred issue's place to what it is now: links outlive a transfer."""
    copy.above, copy.below = issue.above, issue.below
    if issue.above is not None:
        issue.above.below = [copy if one is issue else one for one in issue.above.below]
    for one in issue.below:
        one.above = copy
    issue.above, issue.below = None, []
