"""What a CTranslate2 model says, asked again about its translations: where it looked, and how sure it was."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asr_pipeline.engines.long_sentences import MAX_OUTPUT_TOKENS
from asr_pipeline.engines.terms import Attention


@dataclass(frozen=True)
class ModelWitness:
    """Implements `terms.Witness`. `model` is a ctranslate2.Translator."""

    model: Any
    batch_tokens: int

    def attention(self, sources: Sequence[Sequence[str]], targets: Sequence[Sequence[str]]) -> list[Attention]:
        """Force the translations greedily: a beam wider than 1 gives, in a batch, the attention of other sentences."""
        decoded = self.model.translate_batch(
            sources,
            target_prefix=targets,
            return_attention=True,
            max_batch_size=self.batch_tokens,
            batch_type="tokens",
            beam_size=1,
            max_input_length=0,
            max_decoding_length=MAX_OUTPUT_TOKENS,
        )
        return [one.attention[0][: len(target)] for one, target in zip(decoded, targets, strict=True)]

    def log_probabilities(
        self, sources: Sequence[Sequence[str]], targets: Sequence[Sequence[str]]
    ) -> list[Sequence[float]]:
        """Score the translations."""
        scored = self.model.score_batch(
            sources, targets, max_batch_size=self.batch_tokens, batch_type="tokens", max_input_length=0
        )
        return [one.log_probs for one in scored]
