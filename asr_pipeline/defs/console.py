"""Where runs log besides Dagster's own record: to their process's output, as `log_format` asks for."""

import logging

import dagster as dg

from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.logs import set_up_logs

LOGGER = "asr_pipeline.run"  # below the program's own, whose handler writes


@dg.logger(
    {
        "log_level": dg.Field(str, is_required=False, default_value="INFO", description="The logger's threshold."),
        "name": dg.Field(str, is_required=False, default_value="dagster", description="The logger's name."),
    },
    description="Lines for people, or JSON objects where ASR_PIPELINE_LOG_FORMAT asks for them.",
)
def console(context: dg.InitLoggerContext) -> logging.Logger:
    """Make the logger of a run."""
    if load_settings().log_format == "plain":
        return dg.colored_console_logger.logger_fn(context)
    set_up_logs("json")
    logger = logging.getLogger(LOGGER)
    logger.setLevel(context.logger_config["log_level"].upper())
    return logger
