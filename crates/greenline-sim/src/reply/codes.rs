//! The error codes that the simulator uses, with status and title (`errors.json`).

/// What an error looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) http: u16,
    pub(crate) title: &'static str,
}

/// Status and title of a code.
pub(crate) fn known(code: u32) -> Known {
    let (http, title) = match code {
        1 => (400, "An unknown error has occurred."),
        2 => (503, "Service temporarily unavailable"),
        3 => (500, "Capability or permissions issue."),
        4 => (400, "Application request limit reached"),
        10 => (403, "Permission denied"),
        33 => (400, "Parameter value is not valid"),
        100 => (400, "Invalid parameter"),
        190 => (401, "Access token has expired"),
        368 => (403, "Temporarily blocked for policies violations"),
        2500 => (400, "Unknown path"),
        80007 => (400, "Rate limit issues"),
        130_403 => (400, "User is on the block list"),
        130_429 => (429, "Rate limit hit"),
        130_472 => (400, "User's number is part of an experiment"),
        130_497 => (
            403,
            "Business account is restricted from messaging users in this country",
        ),
        131_000 => (500, "Something went wrong"),
        131_005 => (403, "Access denied"),
        131_008 => (400, "Required parameter is missing"),
        131_009 => (400, "Parameter value is not valid"),
        131_016 => (500, "Service unavailable"),
        131_021 => (400, "Recipient cannot be sender"),
        131_026 => (400, "Message undeliverable"),
        131_031 => (403, "Business Account locked"),
        131_042 => (400, "Business eligibility payment issue"),
        131_047 => (400, "Re-engagement message"),
        131_048 => (400, "Spam rate limit hit"),
        131_049 => (400, "Meta chose not to deliver"),
        131_050 => (400, "User has stopped marketing messages"),
        131_051 => (400, "Unsupported message type"),
        131_053 => (400, "Media upload error"),
        131_055 => (400, "Method not allowed"),
        131_056 => (
            400,
            "(Business Account, Consumer Account) pair rate limit hit",
        ),
        131_057 => (500, "Account in maintenance mode"),
        131_062 => (
            400,
            "Business-scoped user id not supported for this message",
        ),
        131_063 => (400, "Marketing templates are switched off on this API"),
        131_064 => (400, "Utility messages are rate limited"),
        132_000 => (
            400,
            "Number of parameters does not match the expected number of params",
        ),
        132_001 => (404, "Template name does not exist in the translation"),
        132_012 => (
            400,
            "Parameter format does not match format in the created template",
        ),
        132_015 => (400, "Template is Paused"),
        132_016 => (400, "Template is Disabled"),
        133_010 => (400, "Phone number not registered"),
        134_100 => (400, "Only marketing messages supported"),
        138_000 => (400, "Calling is restricted"),
        138_006 => (400, "No approved call permission from the recipient"),
        _ => (400, "Error"),
    };
    Known { http, title }
}

/// The code that usually comes with a status.
pub(crate) fn usual(http: u16) -> u32 {
    match http {
        401 => 190,
        403 => 10,
        404 => 100,
        429 => 130_429,
        500 => 131_000,
        503 => 2,
        _ => 1,
    }
}
