"""Speech: what a brand can say in free form, with Meta's limits, and how it is written for Meta and for history."""

from quixess.messages.speech.said import Speech
from quixess.messages.speech.writing import File, Written, check_fit, file_of, write, write_reaction

__all__ = ["File", "Speech", "Written", "check_fit", "file_of", "write", "write_reaction"]
