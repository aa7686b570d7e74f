"""The web: parse, begin, one rule, dump. No rule stands here."""
