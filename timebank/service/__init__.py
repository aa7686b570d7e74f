"""Service days: occasions, sign-up, check-in, attendance."""
