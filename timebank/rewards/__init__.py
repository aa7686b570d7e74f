"""Points policy, commendations, certificates."""
