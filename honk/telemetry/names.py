"""Names of the OpenTelemetry attributes that honk sets, in one place.

Those that begin with ``gen_ai`` are of the GenAI semantic conventions (package
opentelemetry-semantic-conventions 0.66b2), which are not stable yet.
"""

AGENT_NAME = "gen_ai.agent.name"
CONVERSATION_ID = "gen_ai.conversation.id"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS = "gen_ai.usage.cache_creation.input_tokens"
FINISH_REASONS = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OPERATION = "gen_ai.operation.name"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
TOOL_CALL_ID = "gen_ai.tool.call.id"
TOOL_NAME = "gen_ai.tool.name"

ERROR_TYPE = "error.type"

CHECK_NAME = "honk.check.name"
COST = "honk.cost_usd"
ORIGIN = "honk.origin"
OUTCOME = "honk.outcome"
PURPOSE = "honk.purpose"
REPOSITORY = "honk.repository"
STAGE = "honk.verify.stage"
