//! What is listed twice, or would become one component with something else that is listed.

use std::collections::BTreeMap;

use crate::composite::findings::{Findings, known};
use crate::payment_stack::config::Payment;
use crate::payment_stack::slug::slug;

/// Parameters that the stack writes itself.
const OWN_PARAMETERS: [&str; 5] = ["table-name", "bucket-name", "api-endpoint", "api-key", "hmac-secrets"];

pub(super) fn check(payment: &Payment, findings: &mut Findings) {
    subscribers(payment, findings);
    let filters = payment.kpi_filters.iter().enumerate();
    let filters = filters.map(|(index, filter)| (format!("kpi_filters[{index}].name"), filter.name.clone()));
    once(filters, findings);
    let parameters = payment.ssm.parameters.iter().flatten();
    let parameters = parameters.map(|(name, _)| (format!("ssm.parameters[\"{name}\"]"), name.clone()));
    once(parameters.clone(), findings);
    for (path, name) in parameters.filter(|(_, name)| OWN_PARAMETERS.contains(&name.as_str())) {
        findings.error(
            &path,
            "A parameter of the stack's own",
            format!("the stack writes `{name}` itself: choose another name."),
        );
    }
}

/// N-06: who is listed hears, once.
fn subscribers(payment: &Payment, findings: &mut Findings) {
    let topics = &payment.topics;
    let mails = |path: &str, addresses: Option<&Vec<String>>| -> Vec<(String, String)> {
        let addresses = addresses.into_iter().flatten().enumerate();
        let named = addresses.map(|(index, address)| (format!("{path}[{index}]"), format!("email {address}")));
        named.collect()
    };
    let others = topics.subscriptions.iter().flatten().enumerate();
    let others: Vec<(String, String)> = others
        .map(|(index, s)| {
            let path = format!("topics.subscriptions[{index}].endpoint");
            (path, format!("{} {}", s.protocol, s.endpoint))
        })
        .collect();
    let mut lists = vec![mails(
        "topics.notifications.email_endpoints",
        topics.notifications.email_endpoints.as_ref(),
    )];
    for (region, over) in payment.region_overrides.iter().flatten() {
        let path = format!("region_overrides[\"{region}\"].email_endpoints");
        lists.push(mails(&path, over.email_endpoints.as_ref()));
    }
    // Once without addresses, or what stands twice among the others would be reported for each list.
    once(others.clone(), findings);
    for list in lists {
        once(list.clone(), findings);
        let besides = list
            .iter()
            .find(|(_, mail)| others.iter().any(|(_, other)| slug(other) == slug(mail)));
        if let Some((path, mail)) = besides {
            findings.error(
                path,
                "Listed twice",
                format!("`{mail}` is one of `topics.subscriptions`: once is enough."),
            );
        }
    }
}

/// Path and name: names that differ in punctuation only would be one component.
fn once(named: impl IntoIterator<Item = (String, String)>, findings: &mut Findings) {
    let mut seen: BTreeMap<String, (String, String)> = BTreeMap::new();
    for (path, name) in named.into_iter().filter(|(_, name)| known(name)) {
        if let Some((first, other)) = seen.get(&slug(&name)) {
            let detail = if *other == name {
                format!("`{name}` stands at {first} already: once is enough.")
            } else {
                format!("`{name}` differs in punctuation only from `{other}` at {first}: choose another one.")
            };
            findings.error(&path, "Listed twice", detail);
        } else {
            seen.insert(slug(&name), (path, name));
        }
    }
}
