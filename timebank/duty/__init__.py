"""Duty rosters: who stands on which shift, planned by fairness, published as sign-ups, swapped.

Words: a *shift* is a slot of an occasion that is called `duty_shift`; a *roster* plans the shifts
of some series over a span of days for some members; an *assignment* puts a member on a shift;
*publishing* makes sign-ups of assignments; *wishes* say when a member comes gladly, rather not or
never; a *swap* hands a sign-up to a colleague.

`fairness` is the rule, without a database; `rosters` keeps plans, `publishing` makes them sign-ups,
`wishes` and `swaps` belong to the volunteers. Attendance knows nothing of all this: it comes from
the shift.
"""
