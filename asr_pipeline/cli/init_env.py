"""`asr-pipeline init-env`: what `deploy/compose.yaml` needs to be told, with new secrets."""

import re
from pathlib import Path
from typing import Annotated

import typer

from asr_pipeline import __version__
from asr_pipeline.cli.console import output, write_json
from asr_pipeline.domain.errors import SettingInvalid
from asr_pipeline.settings import cores

HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
TEXT = """\
# Written by `asr-pipeline init-env` for deploy/compose.yaml. Secrets are not here: each is a file in {secrets}/.
COMPOSE_PROJECT_NAME=asr-pipeline
ASR_IMAGE=asr-pipeline:{version}
ASR_HOST={host}
ASR_HTTPS_PORT=8443
ASR_BIND=127.0.0.1
ASR_SECRETS={secrets}
# Cores of this machine: those of the workers, which recognise, and those of all else; and how many each may use.
ASR_SERVICE_CPUS={service_cpus}
ASR_SERVICE_CPU_LIMIT={cpu_limit}
ASR_WORKER_CPUS={worker_cpus}
ASR_WORKER_CPU_LIMIT={cpu_limit}
ASR_WORKER_MEMORY=3g
"""
ENOUGH_TO_DIVIDE = 4
MOST_OF_ONE = 2


def shares(count: int) -> tuple[str, str]:
    """Give the cores of services and those of workers, as cpuset writes them: apart where there are enough."""
    if count < ENOUGH_TO_DIVIDE:
        return f"0-{count - 1}", f"0-{count - 1}"
    services = max(1, count // 4)
    return f"0-{services - 1}", f"{services}-{count - 1}"


def init_env(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What to write; a folder `secrets` comes beside it.")] = (
        Path(".env")
    ),
    *,
    host: Annotated[str, typer.Option(help="Name by which browsers will know the machine.")] = "localhost",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Write an environment file with new secrets beside it, for a first start; what is there is never written over.

    Example: `asr-pipeline init-env deploy/.env --host asr.example.org`
    """
    from asr_pipeline.storage.secret_files import (  # noqa: PLC0415 - `--help` should not wait for certificates
        LOGINS,
        SECRETS_FOLDER,
        new_secrets,
        require_new,
        write_new,
        write_secrets,
    )

    if not HOST_NAME.fullmatch(host):
        raise SettingInvalid(
            "--host", expected="the name of a machine", found=repr(host), remedy="Write it without https:// and port."
        )
    folder = file.parent / SECRETS_FOLDER
    require_new(file, folder)
    contents = new_secrets(host, database="postgres")
    write_secrets(folder, contents)
    service_cpus, worker_cpus = shares(cores())
    text = TEXT.format(
        version=__version__,
        host=host,
        secrets=f"./{SECRETS_FOLDER}",
        service_cpus=service_cpus,
        worker_cpus=worker_cpus,
        cpu_limit=min(MOST_OF_ONE, cores()),
    )
    write_new(file, text)
    if as_json:
        write_json({"file": str(file), "secrets": {name: str(folder / name) for name in contents}})
        return
    output.print(
        f"Written: {file}\nSecrets: {folder}/ ({len(contents)} files; the logins are in {folder / LOGINS})",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
