//! Why something is a dead letter, and why a task waits.

use super::{Both, Entry, Whose};

const RETRY: Both = (
    "Remove the cause, then `mandate dead-letter retry ID`; `mandate dead-letter show ID` has the details.",
    "排除原因后执行 `mandate dead-letter retry ID`；详情见 `mandate dead-letter show ID`。",
);
const FORGED: Both = (
    "The message was forged, or damaged on its way. If genuine callbacks end so, compare token and EncodingAESKey with WeChat's \
     console, and see that no proxy changes the body: `mandate doctor --request FILE` names the step that fails.",
    "消息是伪造的，或在传输中损坏。若正常回调也出现，请核对开放平台的消息校验 Token 和 EncodingAESKey，并确认代理没有改动请求体：\
     `mandate doctor --request FILE` 会指出失败的步骤。",
);
const WAIT: Both = ("Nothing: it is tried again by itself.", "无需处理，会自动重试。");
const REPORT: Both = (
    "Keep the log and the dead letter, and report it; retry after an update.",
    "请保留日志和死信并反馈；升级后重试。",
);

pub(super) fn dead_letter(reason: &str) -> Option<Entry> {
    envelope(reason).or_else(|| callback(reason)).or_else(|| task(reason))
}

fn envelope(reason: &str) -> Option<Entry> {
    let meaning = match reason {
        "bad_base64" => ("The ciphertext is not base64.", "密文不是 base64。"),
        "bad_block_length" => ("The ciphertext is not whole AES blocks.", "密文长度不是 AES 分组的整数倍。"),
        "bad_length" => ("The length inside the plaintext is wrong.", "明文中的长度字段错误。"),
        "bad_padding" => (
            "The padding is wrong: most often another EncodingAESKey.",
            "填充错误：通常是 EncodingAESKey 不一致。",
        ),
        "bad_signature" => {
            ("No configured token gives this signature.", "没有任何已配置的 Token 能得到该签名。")
        }
        "decrypt_failed" => {
            ("The token fits, but no EncodingAESKey opens it.", "Token 正确，但没有 EncodingAESKey 能解密。")
        }
        "malformed_envelope" => {
            ("The outer document is neither XML nor JSON.", "外层报文既不是 XML 也不是 JSON。")
        }
        "missing_encrypt" => ("The outer document has no Encrypt.", "外层报文没有 Encrypt。"),
        "missing_parameter" => ("A parameter of the query is missing.", "缺少查询参数。"),
        "not_encrypted" => ("The push is not encrypted.", "推送没有加密。"),
        "too_short" => ("The plaintext is too short.", "明文过短。"),
        "wrong_appid" => {
            ("The appid behind the message is another component's.", "消息尾部的 AppID 属于其他第三方平台。")
        }
        _ => return None,
    };
    Some((meaning, Whose::Operator, FORGED))
}

fn callback(reason: &str) -> Option<Entry> {
    Some(match reason {
        "unknown_component" => (
            (
                "The callback's component is not configured in the worker.",
                "worker 没有配置该回调的第三方平台。",
            ),
            Whose::Operator,
            (
                "Add the component to [[component]] of the worker, restart, and retry.",
                "请在 worker 的 [[component]] 中加入该平台，重启后重试。",
            ),
        ),
        "unknown_pair" => (
            (
                "The callback was signed with a token and key that the worker does not have.",
                "回调使用的 Token 和密钥未在 worker 中配置。",
            ),
            Whose::Operator,
            (
                "Add the former pair to `previous` and restart: it is then tried again by itself.",
                "请将旧的 Token 和密钥加入 `previous` 并重启，会自动重试。",
            ),
        ),
        "bad_utf8" => (("The message is not UTF-8.", "消息不是 UTF-8。"), Whose::WeChat, REPORT),
        "malformed_message" => {
            (("The decrypted message cannot be read.", "解密后的消息无法解析。"), Whose::WeChat, REPORT)
        }
        "wrong_component" => (
            ("The message names another component than its URL.", "消息中的第三方平台与 URL 不一致。"),
            Whose::Operator,
            (
                "Compare the URLs in WeChat's console with event_path and message_path.",
                "请核对开放平台填写的 URL 与 event_path、message_path。",
            ),
        ),
        "wrong_url" => (
            (
                "A callback came to the message URL, or a message to the event URL.",
                "授权事件发到了消息 URL，或消息发到了授权事件 URL。",
            ),
            Whose::Operator,
            ("Exchange the two URLs in WeChat's console.", "请在开放平台调换两个 URL。"),
        ),
        "redelivered" => (
            ("Each worker that handled this callback died.", "处理该回调的 worker 进程均异常退出。"),
            Whose::Mandate,
            (
                "Look at the log of the worker and at its memory; then retry it.",
                "请查看 worker 日志和内存，然后重试。",
            ),
        ),
        "refused_data" => (("The database refuses the data.", "数据库拒绝写入。"), Whose::Mandate, REPORT),
        "unreadable_stream" => (
            ("The stored state of the authorizer cannot be read.", "授权方的存储状态无法读取。"),
            Whose::Operator,
            (
                "See that [seal] keys has all former keys, then `mandate rebuild --check`; after that retry.",
                "请确认 [seal] keys 包含所有旧密钥，并执行 `mandate rebuild --check`，然后重试。",
            ),
        ),
        _ => return None,
    })
}

fn task(reason: &str) -> Option<Entry> {
    Some(match reason {
        "redemption_refused" => (
            (
                "WeChat refuses the authorization code, and knows no account for it.",
                "微信拒绝该授权码，且找不到对应账号。",
            ),
            Whose::Merchant,
            (
                "`mandate explain ERRCODE` says why. The merchant can authorize again.",
                "原因见 `mandate explain ERRCODE`；商户可重新授权。",
            ),
        ),
        "inspection_refused" => (
            ("WeChat refuses to tell about the account.", "微信拒绝返回该账号的信息。"),
            Whose::Merchant,
            RETRY,
        ),
        "answer_without_authorizer" => (
            ("WeChat redeemed the code but named no account.", "微信兑换了授权码，但没有返回账号。"),
            Whose::WeChat,
            (
                "Run `mandate reconcile`: it finds the account in WeChat's list.",
                "请执行 `mandate reconcile`，从授权列表中找回该账号。",
            ),
        ),
        "release_check" => (
            (
                "A text of WeChat's release check could not be answered in time.",
                "全网发布检测的消息未能按时回复。",
            ),
            Whose::Operator,
            (
                "Start the check again in WeChat's console; `mandate release-check` rehearses it.",
                "请在开放平台重新发起检测；可用 `mandate release-check` 预演。",
            ),
        ),
        "kills_worker" => (
            ("The worker died in every attempt at this task.", "worker 每次执行该任务都异常退出。"),
            Whose::Mandate,
            (
                "Look at the log of the worker and at its memory; then retry it.",
                "请查看 worker 日志和内存，然后重试。",
            ),
        ),
        "unreadable" | "unreadable_task" => (
            ("Something that is stored for the task cannot be read.", "任务所需的存储数据无法读取。"),
            Whose::Operator,
            (
                "See that [seal] keys has all former keys, then retry it.",
                "请确认 [seal] keys 包含所有旧密钥，然后重试。",
            ),
        ),
        _ => return None,
    })
}

pub(super) fn waiting(reason: &str) -> Option<Entry> {
    of_operator(reason).or_else(|| by_itself(reason))
}

fn of_operator(reason: &str) -> Option<Entry> {
    let (meaning, cure) = match reason {
        "no_ticket" => (
            ("There is no ticket that WeChat accepts.", "没有可用的 ticket。"),
            (
                "Wait 10 minutes; if none comes, check the authorization event URL and start tickets again in WeChat's console.",
                "请等待 10 分钟；仍未收到时，请检查授权事件 URL，并在开放平台重新启动推送。",
            ),
        ),
        "no_secret" => (
            ("app_secret is not configured.", "没有配置 app_secret。"),
            (
                "Set app_secret of the component and restart the worker.",
                "请配置该平台的 app_secret 并重启 worker。",
            ),
        ),
        "no_component" => (
            ("The component is not configured in the worker.", "worker 没有配置该第三方平台。"),
            ("Add it to [[component]] and restart the worker.", "请加入 [[component]] 并重启 worker。"),
        ),
        "component_token" => (
            (
                "There is no component_access_token: WeChat refuses one.",
                "没有 component_access_token：微信拒绝发放。",
            ),
            (
                "Look at the refusal: most often the app secret is wrong, or the address is not registered.",
                "请查看拒绝原因：通常是 AppSecret 错误，或 IP 不在白名单。",
            ),
        ),
        "quota_spent" => (
            ("The daily quota of an API is spent.", "接口当日额度已用完。"),
            (
                "Find out what calls so often; it goes on at midnight in China.",
                "请查明频繁调用的原因；北京时间零点后恢复。",
            ),
        ),
        "suspended" => (
            (
                "WeChat refuses the component's calls until a setting is repaired.",
                "在修正设置之前，微信拒绝第三方平台的调用。",
            ),
            (
                "The log names the error number and, for 61004, the address to register.",
                "日志中有错误码；若为 61004，会给出需要登记的 IP。",
            ),
        ),
        "store" => (
            ("The database does not answer.", "数据库无响应。"),
            ("See that the database runs; work goes on by itself.", "请检查数据库；恢复后自动继续。"),
        ),
        _ => return None,
    };
    Some((meaning, Whose::Operator, cure))
}

fn by_itself(reason: &str) -> Option<Entry> {
    let (meaning, whose) = match reason {
        "answer_lost" => (("WeChat's answer did not arrive.", "没有收到微信的响应。"), Whose::WeChat),
        "answer_unreadable" | "unreadable" => {
            (("WeChat's answer cannot be read.", "微信的响应无法解析。"), Whose::WeChat)
        }
        "list_refused" => {
            (("WeChat refuses the list of authorizers for now.", "微信暂时拒绝返回授权列表。"), Whose::WeChat)
        }
        "list_scan" => (("WeChat's list of authorizers is being read.", "正在读取授权列表。"), Whose::Nobody),
        "list_unreadable" => (
            (
                "An entry of WeChat's list cannot be read, which may be this account.",
                "授权列表中有无法解析的条目，可能是该账号。",
            ),
            Whose::WeChat,
        ),
        "not_reached" => (("WeChat could not be reached.", "无法连接微信。"), Whose::WeChat),
        "panicked" => (("The attempt ended by a defect.", "执行时发生程序缺陷。"), Whose::Mandate),
        "paused" => (
            ("Calls to this API pause after repeated failures.", "该接口连续失败，暂停调用。"),
            Whose::WeChat,
        ),
        "refused_for_now" => {
            (("WeChat is busy or limits the rate.", "微信繁忙或限制调用频率。"), Whose::WeChat)
        }
        "stopping" => (("The process was stopping.", "进程正在停止。"), Whose::Nobody),
        "token_busy" => (("Another process refreshes the token.", "另一进程正在刷新凭证。"), Whose::Nobody),
        "too_slow" => (("The attempt took longer than it may.", "执行超时。"), Whose::WeChat),
        _ => return None,
    };
    Some((meaning, whose, WAIT))
}
