.PHONY: up test lint

up test lint:
	python3 -m memmon $@
