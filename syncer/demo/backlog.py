"""A small company's backlog, as its teams keep it in three trackers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as a person filed it. `parent` is another entry's title on the same tracker."""

    title: str
    body: str = ""
    by: str = "jane"
    parent: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    comments: Sequence[tuple[str, str]] = ()


CHECKOUT = "Checkout that nobody abandons"
IDENTITY = "One account for everything"
INSIGHT = "Answers from our own data"

JIRA: Sequence[Entry] = (
    Entry(
        "Half the steps to the first order",
        "The year's bet: **a new customer orders within five minutes**.\n\n- measured weekly\n- owned by product",
        fields={"kind": "Initiative", "priority": "Highest", "labels": ["roadmap"]},
        comments=[("ravi", "Agreed with the board. Targets are in the plan.")],
    ),
    Entry(
        CHECKOUT,
        "## Why\n\nTwo of three carts are left at the payment step.\n\n## What\n\n1. Fewer fields\n2. Wallets\n3. Honest errors",
        parent="Half the steps to the first order",
        fields={"kind": "Epic", "status": "In Progress", "labels": ["roadmap", "payments"], "due": "2027-02-26"},
    ),
    Entry(
        IDENTITY,
        "Customers have up to three accounts with us.",
        parent="Half the steps to the first order",
        fields={"kind": "Epic", "labels": ["roadmap", "identity"], "due": "2027-04-30"},
    ),
    Entry(INSIGHT, "See what people search for and do not find.", fields={"kind": "Epic", "labels": ["roadmap"]}),
    Entry(
        "Pay with a wallet in two taps",
        "As a returning customer I want to pay with my phone's wallet.",
        parent=CHECKOUT,
        fields={"kind": "Story", "status": "In Progress", "assignees": ["jane"], "estimate": 8, "priority": "High"},
        comments=[
            ("omar", "The provider's test account arrives on Thursday."),
            ("jane", "Then I start with the button."),
        ],
    ),
    Entry("Remember the delivery address", parent=CHECKOUT, fields={"kind": "Story", "estimate": 3}),
    Entry(
        "Say which field is wrong, and why",
        "Errors now read *Something went wrong*. They should name the field:\n\n> Your card's number is one digit short.",
        parent=CHECKOUT,
        fields={"kind": "Story", "estimate": 5, "assignees": ["omar"]},
    ),
    Entry("Guest checkout without a password", parent=CHECKOUT, fields={"kind": "Story", "estimate": 5}),
    Entry("Show delivery cost before the last step", parent=CHECKOUT, fields={"kind": "Story", "estimate": 2}),
    Entry("Sign in with a passkey", parent=IDENTITY, fields={"kind": "Story", "estimate": 13, "priority": "High"}),
    Entry("Merge duplicate accounts", parent=IDENTITY, fields={"kind": "Story", "estimate": 8}),
    Entry("One preferences page", parent=IDENTITY, fields={"kind": "Story", "estimate": 3}),
    Entry("Sign out everywhere", parent=IDENTITY, fields={"kind": "Story", "estimate": 2, "status": "Done"}),
    Entry("Weekly report of searches without results", parent=INSIGHT, fields={"kind": "Story", "estimate": 3}),
    Entry("Dashboard for the support team", parent=INSIGHT, fields={"kind": "Story", "estimate": 8}),
    Entry(
        "Order total differs from the receipt by a cent",
        "Seen on orders with *three or more* discounts.\n\n```python\nround(total, 2)  # rounds each line, not the sum\n```",
        by="ravi",
        fields={"kind": "Bug", "priority": "Highest", "status": "In Progress", "labels": ["payments"]},
        comments=[("jane", "Reproduced with order 1001.")],
    ),
    Entry("Confirmation mail arrives twice", by="ravi", fields={"kind": "Bug", "priority": "High"}),
    Entry("Voucher field loses focus on every key", by="omar", fields={"kind": "Bug", "priority": "Medium"}),
    Entry("Prices flicker when the currency changes", by="omar", fields={"kind": "Bug", "priority": "Low"}),
    Entry("Ask legal about storing wallet tokens", fields={"kind": "Task", "assignees": ["ravi"], "due": "2026-12-11"}),
    Entry("Interview ten customers who gave up", fields={"kind": "Task", "status": "Done"}),
    Entry("Agree on the error-message tone", fields={"kind": "Task"}),
)

GITHUB: Sequence[Entry] = (
    Entry(
        "Cart crashes on an empty promotion",
        "Steps:\n\n1. add an item\n2. open the promotions drawer\n3. close it\n\nExpected: nothing. Actual: `TypeError`.",
        by="omar",
        fields={"labels": ["crash", "cart"], "assignees": ["omar"]},
        comments=[("mia", "Happens on Safari only."), ("omar", "Confirmed, looking.")],
    ),
    Entry("Upgrade the web framework", "Our version leaves support in March.", fields={"labels": ["maintenance"]}),
    Entry("Lazy-load product images", by="mia", fields={"labels": ["performance"], "assignees": ["mia"]}),
    Entry("Drop the legacy address form", fields={"labels": ["cleanup"]}),
    Entry("Flaky test: payment retries", "Fails one run in twenty.", by="mia", fields={"labels": ["tests"]}),
    Entry("Dark mode: unreadable price badges", by="mia", fields={"labels": ["design"]}),
    Entry("Document the checkout events", fields={"labels": ["docs"]}),
    Entry("Keyboard trap in the size picker", "Tab never leaves the list.", fields={"labels": ["accessibility"]}),
    Entry("Cache headers missing on fonts", by="omar", fields={"labels": ["performance"]}),
    Entry("Type the cart reducer", fields={"labels": ["cleanup"]}),
    Entry("Retry queue grows without bound", by="omar", fields={"labels": ["crash"]}),
    Entry("Remove unused feature flags", fields={"labels": ["cleanup"], "status": "closed"}),
    Entry("Preview builds for pull requests", by="mia", fields={"labels": ["tooling"]}),
    Entry("Translate the order page", fields={"labels": ["i18n"]}),
    Entry("Search box ignores umlauts", by="mia", fields={"labels": ["search"]}),
    Entry("Measure time to interactive", fields={"labels": ["performance"]}),
    Entry(
        "Sanitise file names on upload", "Report came in through the security page.", fields={"labels": ["security"]}
    ),
    Entry("Right-to-left layout of the cart", fields={"labels": ["i18n", "design"]}),
    Entry("Print stylesheet for invoices", by="omar", fields={"labels": ["design"]}),
    Entry("Split the bundle by route", by="mia", fields={"labels": ["performance"]}),
)

LINEAR: Sequence[Entry] = (
    Entry(
        "Load test the order service",
        "Target: *300 orders a second*.",
        by="ravi",
        fields={"priority": 2, "status": "Todo"},
    ),
    Entry(
        "Idempotency keys for payments",
        "One key per attempt.",
        by="omar",
        fields={"priority": 1, "status": "In Progress", "assignees": ["omar"]},
    ),
    Entry("Move sessions to the shared cache", fields={"estimate": 5, "labels": ["backend"]}),
    Entry("Alert on stuck orders", by="ravi", fields={"priority": 2, "labels": ["operations"]}),
    Entry("Rotate the signing keys", fields={"due": "2027-01-15", "labels": ["security"]}),
    Entry("Archive orders older than seven years", by="ravi", fields={"priority": 4}),
    Entry("Webhook for warehouse updates", fields={"estimate": 3}),
    Entry("Backfill missing tax regions", by="omar", fields={"status": "Done"}),
    Entry("Rate limit the public search", fields={"priority": 3, "labels": ["backend"]}),
    Entry("Trace requests across services", by="ravi", fields={"estimate": 8, "labels": ["operations"]}),
    Entry("Shrink the database connection pool", by="omar"),
    Entry("Blue-green deployment of checkout", by="ravi", fields={"priority": 2}),
    Entry("Store wallet tokens in the vault", fields={"priority": 1, "labels": ["security"]}),
    Entry("Drop the nightly full export", by="omar", fields={"status": "Canceled"}),
    Entry("Replace the mail provider", "Deliverability fell below 97 %.", fields={"priority": 3}),
    Entry("Runbook for payment outages", by="ravi", fields={"labels": ["operations"]}),
    Entry("Sandbox data for partners", fields={"estimate": 5}),
    Entry("Clock skew between warehouses", by="omar", fields={"priority": 3}),
    Entry("Purge personal data after deletion", by="ravi", fields={"labels": ["security"], "due": "2027-03-31"}),
    Entry("Queue depth on the dashboard", fields={"labels": ["operations"]}),
)
