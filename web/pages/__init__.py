"""Pages by audience; the templates stand in `web/templates/<audience>/`."""
