"""Plays WeChat with an independent implementation: seals messages, pushes them, opens and parses the passive replies.

Reads {"url", "token", "key", "app_id", "texts"} from stdin, prints one JSON object for each text: what wechatpy read.
"""

import json
import re
import sys
import time
import urllib.parse
import urllib.request
import uuid

from wechatpy.crypto import WeChatCrypto
from wechatpy.replies import deserialize_reply
from wechatpy.utils import WeChatSigner


def sign(*parts):
    signer = WeChatSigner()
    signer.add_data(*parts)
    return signer.signature


def push(order, crypto, text):
    """Pushes a text message; the body of the answer."""
    now, nonce = str(int(time.time())), uuid.uuid4().hex
    message = (
        "<xml><ToUserName>gh_0a1b2c3d4e5f</ToUserName><FromUserName>oUser</FromUserName>"
        f"<CreateTime>{now}</CreateTime><MsgType>text</MsgType><Content>{text}</Content>"
        f"<MsgId>{uuid.uuid4().int >> 66}</MsgId></xml>"
    )
    sealed = crypto.encrypt_message(message, nonce, now)
    encrypt = re.search(r"<Encrypt><!\[CDATA\[(.+)\]\]></Encrypt>", sealed).group(1)
    query = {
        "timestamp": now,
        "nonce": nonce,
        "signature": sign(order["token"], now, nonce),
        "encrypt_type": "aes",
        "msg_signature": sign(order["token"], now, nonce, encrypt),
    }
    body = f"<xml><ToUserName>gh_0a1b2c3d4e5f</ToUserName><Encrypt>{encrypt}</Encrypt></xml>"
    url = f"{order['url']}?{urllib.parse.urlencode(query)}"
    request = urllib.request.Request(url, body.encode(), {"Content-Type": "text/xml"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=20) as answer:
        return answer.read().decode()


def element(xml, name):
    """An element of the reply's envelope."""
    return re.search(rf"<{name}>(?:<!\[CDATA\[)?(.*?)(?:\]\]>)?</{name}>", xml).group(1)


def read(crypto, sealed):
    """Opens a reply; wechatpy checks its signature, cipher and appid."""
    outer = (element(sealed, name) for name in ("MsgSignature", "TimeStamp", "Nonce"))
    reply = deserialize_reply(crypto.decrypt_message(sealed, *outer))
    fields = {name: getattr(reply, name, None) for name in reply._fields}
    return {name: value for name, value in fields.items() if value is not None}


def main():
    order = json.load(sys.stdin)
    crypto = WeChatCrypto(order["token"], order["key"], order["app_id"])
    for text in order["texts"]:
        answer = push(order, crypto, text)
        said = {"answer": answer} if answer in ("", "success") else read(crypto, answer)
        print(json.dumps(said, ensure_ascii=False))


main()
