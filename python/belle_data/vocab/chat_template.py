"""The chat template of a merged vocabulary: BELLE's, with marks around what the assistant says."""

from __future__ import annotations

CHAT_TEMPLATE = (
    "{{- bos_token }}"
    "{%- for message in messages %}"
    "{%- if message['role'] == 'system' %}{{- message['content'] + '\\n\\n' }}"
    "{%- elif message['role'] == 'user' %}{{- 'Human: ' + message['content'] + '\\n\\n' }}"
    "{%- elif message['role'] == 'assistant' %}{{- 'Assistant:' }}"
    "{%- generation %}{{- ' ' + message['content'] + eos_token }}{%- endgeneration %}"
    "{%- else %}{{- raise_exception('the roles are system, user and assistant, not ' + message['role']) }}"
    "{%- endif %}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- 'Assistant:' }}{%- endif %}"
)
"""``Human: …``, an empty line, ``Assistant: …`` and the piece that ends a text, as in BELLE (arXiv 2304.07854).

The space after ``Assistant:`` belongs to the answer: it is the first character of the answer's first piece. So the ids
of a prompt, with ``add_generation_prompt``, are the first ids of the whole conversation.
"""
