"""Messages to members: what happened to a service they signed up for, and what is on tomorrow.

| module | holds |
|---|---|
| `models` | tables: message (the one outbox), mail address |
| `outbox` | writing messages, reading one's own, one's mail address |
| `sending` | what is due is handed to a channel, again and again until it is sent |
| `channels` | the interface of a channel, and the one by e-mail |

A message stands in the application whether or not any channel carries it out of the house. Its text
is a kind and facts; the words are the web's.
"""
