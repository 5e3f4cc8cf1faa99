"""The least row of every tenant table: one INSERT each, with $1 the brand and $2 the row's id."""

_OWNER = "owner AS (INSERT INTO brand (id, name) VALUES ($1::uuid, $1::uuid::text) ON CONFLICT DO NOTHING)"

INSERTS = {
    "connection": f"""WITH {_OWNER},
             app AS (INSERT INTO meta_app (id, secret, verify_token) VALUES ($2::uuid::text, '', ''))
        INSERT INTO connection (brand_id, id, app_id, waba_id, phone_number_id, display_phone, graph_url, token,
                                token_last4)
        VALUES ($1, $2, $2::uuid::text, '1', '2', '3', 'http://127.0.0.1', '', '')""",
    "template": f"""WITH {_OWNER},
             app AS (INSERT INTO meta_app (id, secret, verify_token) VALUES ('of ' || $2::uuid::text, '', '')),
             line AS (INSERT INTO connection (brand_id, id, app_id, waba_id, phone_number_id, display_phone, graph_url,
                                              token, token_last4)
                      VALUES ($1, $2, 'of ' || $2::uuid::text, '1', '2', '3', 'http://127.0.0.1', '', ''))
        INSERT INTO template (brand_id, id, connection_id, meta_id, name, language, category, status, components)
        VALUES ($1, $2, $2, '1', 'signup_otp', 'en_US', 'AUTHENTICATION', 'APPROVED', '[]')""",
    "template_gone": f"""WITH {_OWNER},
             app AS (INSERT INTO meta_app (id, secret, verify_token) VALUES ('of ' || $2::uuid::text, '', '')),
             line AS (INSERT INTO connection (brand_id, id, app_id, waba_id, phone_number_id, display_phone, graph_url,
                                              token, token_last4)
                      VALUES ($1, $2, 'of ' || $2::uuid::text, '1', '2', '3', 'http://127.0.0.1', '', ''))
        INSERT INTO template_gone (brand_id, connection_id, name, language, gone_at)
        VALUES ($1, $2, 'signup_otp', 'en_US', now())""",
    "contact": "INSERT INTO contact (brand_id, id, phone) VALUES ($1, $2, '12818184370')",
    "phone_alias": "INSERT INTO phone_alias (brand_id, phone, contact_id) VALUES ($1, '12818184370', $2)",
    "user_alias": "INSERT INTO user_alias (brand_id, user_id, contact_id) VALUES ($1, 'US.1048', $2)",
    "conversation": "INSERT INTO conversation (brand_id, id, connection_id, contact_id) VALUES ($1, $2, $2, $2)",
    "message": """INSERT INTO message (brand_id, id, connection_id, conversation_id, direction, type, state, rank,
                                       content, occurred_at)
        VALUES ($1, $2, $2, $2, 'inbound', 'text', 'received', 9, '{}', now())""",
    "message_status": """INSERT INTO message_status (brand_id, message_id, status, occurred_at)
        VALUES ($1, $2, 'sent', now())""",
    "message_word": "INSERT INTO message_word (brand_id, word, message_id) VALUES ($1, 'hello', $2)",
    "parked_status": """INSERT INTO parked_status (brand_id, id, connection_id, wamid, item)
        VALUES ($1, $2, $2, 'wamid.1', '{}')""",
    "event": """INSERT INTO event (brand_id, id, type, version, data, occurred_at)
        VALUES ($1, $2, 'message.received', '1', '{}', now())""",
    "endpoint": f"""WITH {_OWNER}
        INSERT INTO endpoint (brand_id, id, secret) VALUES ($1, $2, '')""",
    "delivery": """INSERT INTO delivery (brand_id, id, endpoint_id, event_id, next_at)
        VALUES ($1, $2, $2, $2, now())""",
    "attempt": """INSERT INTO attempt (brand_id, id, delivery_id, event_id, endpoint_id, number, duration_ms,
                                       started_at)
        VALUES ($1, $2, $2, $2, $2, 1, 0, now())""",
    "outcome": """INSERT INTO outcome (brand_id, delivery_id, event_id, endpoint_id, state, attempts)
        VALUES ($1, $2, $2, $2, 'delivered', 1)""",
    "replay": """INSERT INTO replay (brand_id, id, event_ids, digest, position, last, actor)
        VALUES ($1, $2, '{}', '', $2, $2, 'test')""",
    "notice": f"""WITH {_OWNER}
        INSERT INTO notice (brand_id, id, waba_id, field, value, digest, occurred_at)
        VALUES ($1, $2, '1', 'security', '{{}}', $2::uuid::text::bytea, now())""",
    "token_news": f"""WITH {_OWNER}
        INSERT INTO token_news (brand_id, id, connection_id, word) VALUES ($1, $2, $2, 'TOKEN_EXPIRING')""",
    "audit": "INSERT INTO audit (brand_id, id, actor, action, object) VALUES ($1, $2, 'test', 'looked', 'nothing')",
    "feed": "INSERT INTO feed (brand_id, id, changes) VALUES ($1, $2, '[]')",
    "feed_watch": """INSERT INTO feed_watch (brand_id, whole_from, until)
        SELECT $1, now(), now() WHERE $2::uuid IS NOT NULL""",
    "media": """INSERT INTO media (brand_id, id, connection_id, message_id, meta_id, mime_type)
        VALUES ($1, $2, $2, $2, '1', 'image/jpeg')""",
    "media_handle": """WITH file AS (
          INSERT INTO media (brand_id, id, connection_id, mime_type, source) VALUES ($1, $2, $2, 'image/png', 'upload'))
        INSERT INTO media_handle (brand_id, media_id, connection_id, meta_id) VALUES ($1, $2, $2, '1')""",
    "request": """INSERT INTO request (brand_id, id, request_id, key_id, method, path, status, duration_ms, replayed)
        VALUES ($1, $2, 'req_1', $2, 'GET', '/', 200, 1, false)""",
    "message_hour": """INSERT INTO message_hour VALUES ($1, '2026-01-01', 'read', '', '', $2, 0, '', '', false, 1)""",
    "code_hour": """INSERT INTO code_hour VALUES ($1, '2026-01-01', $2::uuid::text, 1, 1)""",
    "attempt_hour": """INSERT INTO attempt_hour VALUES ($1, '2026-01-01', $2, '2xx', 1, 1)""",
    "outcome_hour": """INSERT INTO outcome_hour VALUES ($1, '2026-01-01', $2, 'delivered', 1)""",
    "price": """INSERT INTO price VALUES ($1, $2::uuid::text, 1, 'EUR')""",
    "note": """INSERT INTO note (brand_id, id, conversation_id, author, text) VALUES ($1, $2, $2, $2, 'hm')""",
    "canned_reply": """INSERT INTO canned_reply (brand_id, id, shortcut, text) VALUES ($1, $2, $2::uuid::text, 'hm')""",
    "sandbox": f"""WITH {_OWNER},
             made AS (INSERT INTO api_key (id, lineage_id, key_hash, pepper_version, prefix8, last4, name, scopes,
                                           created_by)
                      VALUES ($2, $2, $2::uuid::text::bytea, 1, 'qxt_1234', '1234', 'test', '{{any}}', 'test'))
        INSERT INTO sandbox (brand_id, key_id, secret) VALUES ($1, $2, '')""",
    "caught": f"""WITH {_OWNER}
        INSERT INTO caught (brand_id, id, event_id, headers, body, status) VALUES ($1, $2, $2, '{{}}', '', 200)""",
    # No tenant table, but append-only and partitioned like one.
    "intake": "INSERT INTO intake (id, app_id, body) VALUES ($2, $1::uuid::text, '')",
}
