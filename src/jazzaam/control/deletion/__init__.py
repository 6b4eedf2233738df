"""The end of a company, by its owner: closed at once, erased later, restored until then."""
