"""The websocket /stream: maps to desktop viewers as they are made, and what a viewer asks for."""
