"""Why a strategy gains or loses: one module a question, each a long table of one group and sentences on it."""
