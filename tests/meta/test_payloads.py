import json

from quixess.meta import payloads


def test_a_one_time_code_goes_into_the_body_and_into_the_button() -> None:
    assert json.loads(payloads.otp("+12015553931", "verification_code", "en_US", "123456", "qx1:msg_1:1")) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+12015553931",
        "type": "template",
        "template": {
            "name": "verification_code",
            "language": {"code": "en_US"},
            "components": [
                {"type": "body", "parameters": [{"type": "text", "text": "123456"}]},
                {
                    "type": "button",
                    "sub_type": "url",
                    "index": "0",
                    "parameters": [{"type": "text", "text": "123456"}],
                },
            ],
        },
        "biz_opaque_callback_data": "qx1:msg_1:1",
    }


def test_a_template_carries_its_components_as_they_are() -> None:
    components = [{"type": "header", "parameters": [{"type": "image", "image": {"id": "1"}}]}]
    message = json.loads(payloads.template("+1555", "offer", "es_MX", components, "o"))
    assert message["template"] == {
        "name": "offer",
        "language": {"code": "es_MX"},
        "components": components,
    }


def test_a_template_without_variables_has_no_components() -> None:
    message = json.loads(payloads.template("+1555", "hello", "en", [], "o"))
    assert message["template"] == {"name": "hello", "language": {"code": "en"}}


def test_a_free_form_message_may_quote_another() -> None:
    content = {"body": 'Grüße "😀" \n', "preview_url": True}
    assert json.loads(payloads.freeform("text", content, "+1555", None, "wamid.X", "o")) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+1555",
        "type": "text",
        "text": content,
        "biz_opaque_callback_data": "o",
        "context": {"message_id": "wamid.X"},
    }


def test_a_message_that_quotes_nothing_has_no_context() -> None:
    assert "context" not in json.loads(payloads.freeform("text", {"body": "hi"}, "+1555", None, None, "o"))


def test_a_user_id_is_a_recipient_and_never_stands_in_to() -> None:
    message = json.loads(payloads.freeform("contacts", [{}], None, "US.13491208655302741918", None, "o"))
    assert message["recipient"] == "US.13491208655302741918"
    assert "to" not in message
    assert message["contacts"] == [{}]


def test_a_note_of_reading_shows_typing_only_when_asked() -> None:
    note = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.X"}
    assert json.loads(payloads.mark_read("wamid.X")) == note
    assert json.loads(payloads.mark_read("wamid.X", typing=True)) == note | {"typing_indicator": {"type": "text"}}
