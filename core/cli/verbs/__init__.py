"""The verbs of the command line: functions from parsed options to an `Outcome`."""
