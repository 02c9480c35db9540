"""What an installation does with mail: users, mail drops, routing, relaying, the spool."""
