"""Service days: from the plan of the 9th to the minutes in the book.

Map of the area, in the order of the story:

| module | holds |
|---|---|
| `models` | tables: site, series, occasion, slot, attendance, scan event |
| `occasions` | sites, single occasions |
| `repeating` | series, planning their days, days added by hand |
| `changes`, `moving` | calling off, ending a series, more or fewer places; another day or time |
| `recurrence` | the RRULEs we plan by |
| `signup` | signing up for a slot, withdrawing |
| `places` | a place on a list: taking it, giving it back |
| `waiting` | the queue of a full slot, and who gets a place that comes free |
| `notices`, `reminders` | who is told of a change, and of what is on tomorrow |
| `announcements`, `icalendar` | what anybody may know, and the calendar feed |
| `arrivals` | opening a scanned venue code (a GET: it never writes), the code to show |
| `decide` | what one scan does: a pure function, also for devices that were offline |
| `venue` | the facts `decide` needs, read under the member's lock |
| `checkin` | the button and the leader's scan: decide, write, record |
| `answers` | the answer to a scan, as given and as stored |
| `rows` | single rows: the leader's yes to a walk-in, a look, a time written by hand |
| `flags` | what is worth a leader's look: shared phones, many scans at once |
| `attendance` | confirming the list |
| `posting` | what a row is worth, and its entry in the book |
| `settled`, `stays` | a settled row, its worth with other times; times stated by a person |
| `corrections`, `disputes`, `casework` | correcting a row by two people, questions, what waits |
| `evidence`, `trail` | what stands behind a line; the whole story of one attendance |
| `calendar`, `roster`, `record` | what pages read: what is on, one list, one's own statement |
| `timing` | the clock rules: windows, clipping, the daily cap |
| `checks`, `errors` | what was typed, what is refused |

Locks are taken in one order everywhere: series, occasion, members by id, slot. The points rule
itself stands in `timebank.rewards.points`.
"""
