//! mandate-wechat
