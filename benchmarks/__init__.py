"""Quality and speed against goals and peers; never part of the tests."""
