"""Support: what the people need who answer customers, beside messages themselves.

Inside: `care` (who takes care of a conversation, whether it is done, what was seen), `notes` (what they tell each
other), `canned` (answers that are written once), `talk` (a conversation as a thread: messages, with what stands on
them, and notes between them).
"""
