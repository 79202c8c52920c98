//! Each diagnostic has a broken scenario and its whole message.
