"""``python -m guard.models [record]``: check the weight files, or record them after training."""

import sys

from guard.models.registry import models, record, verify


def main(arguments: list[str]) -> int:
    """Run the command; 0 when every file is as recorded."""
    if arguments == ["record"]:
        changed = record()
        sys.stdout.write(f"recorded: {', '.join(changed) or 'nothing new'}\n")
    for model in models():
        sys.stdout.write(f"{model.name}  {model.licence}  {len(model.files)} files  {model.digest}\n")
    problems = verify()
    for problem in problems:
        sys.stderr.write(f"{problem.model}: {problem.file} is {problem.kind}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
