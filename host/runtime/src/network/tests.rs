mod addresses;
mod answers;
mod gate;
mod reference;
mod rules;
mod secrets;
mod server;
mod tls;
